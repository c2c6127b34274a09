# The whole benchmark at a glance: scores, costs, and where everything comes from.
TASKS = [task for task in CATALOG.selected_tasks if CATALOG.datasets(task)]


rule summarize:
    input:
        comparisons=[f"{RESULTS}/{task}/comparison.csv" for task in TASKS],
        scores=[f"{RESULTS}/{task}/scores.csv" for task in TASKS],
        runs=[file for task in TASKS for file in run_files(task)],
        sources=rules.fetch_all.input,
        code=CATALOG.code("summarize.py"),
    output:
        scores=RESULTS + "/scores.csv",
        comparison=RESULTS + "/comparison.csv",
        ledger=RESULTS + "/ledger.csv",
        cost=RESULTS + "/cost.csv",
        text=RESULTS + "/scoreboard.txt",
        glance=report(
            RESULTS + "/glance.svg",
            caption="../report/glance.rst",
            category="Overview",
            labels={"page": "All methods at a glance"},
        ),
        png=RESULTS + "/glance.png",
        board=report(
            RESULTS + "/scoreboard.html",
            caption="../report/scoreboard.rst",
            category="Overview",
            labels={"page": "Scoreboard"},
        ),
        provenance=report(
            RESULTS + "/provenance.html",
            caption="../report/provenance.rst",
            category="Overview",
            labels={"page": "Provenance"},
        ),
    log:
        RESULTS + "/logs/summarize.log",
    conda:
        CONDA
    params:
        settings=settings(tasks=TASKS),
        resources=RESOURCES,
    shell:
        "{PYTHON:q} {SCRIPTS:q}/summarize.py --settings {params.settings:q} "
        "--resources {params.resources:q} 2> >(tee {log:q} >&2)"
