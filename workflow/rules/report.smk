# The whole benchmark at a glance: scores, costs, and where everything comes from.
TASKS = [task for task in CATALOG.selected_tasks if CATALOG.datasets(task) and run_files(task)]


rule summarize:
    input:
        comparisons=[f"{RESULTS}/{task}/comparison.csv" for task in TASKS],
        scores=[f"{RESULTS}/{task}/scores.csv" for task in TASKS],
        runs=[file for task in TASKS for file in run_files(task)],
        sources=present(rules.fetch_all.input),
    output:
        scores="<results>/scores.csv",
        comparison="<results>/comparison.csv",
        ledger="<results>/ledger.csv",
        cost="<results>/cost.csv",
        text="<results>/scoreboard.txt",
        glance=report(
            "<results>/glance.svg",
            caption="../report/glance.rst",
            category="Overview",
            labels={"page": "All methods at a glance"},
        ),
        png="<results>/glance.png",
        board=report(
            "<results>/scoreboard.html",
            caption="../report/scoreboard.rst",
            category="Overview",
            labels={"page": "Scoreboard"},
        ),
        provenance=report(
            "<results>/provenance.html",
            caption="../report/provenance.rst",
            category="Overview",
            labels={"page": "Provenance"},
        ),
    log:
        "<logs>/summarize.log",
    conda:
        CONDA
    params:
        scripts=scripts,
        code=CATALOG.code("summarize.py"),
        # All chosen tasks: the ledger says which of their runs are missing.
        settings=settings(tasks=[task for task in CATALOG.selected_tasks if CATALOG.datasets(task)]),
        placed=lambda wildcards, output: placed(
            output[0], settings(tasks=[task for task in CATALOG.selected_tasks if CATALOG.datasets(task)])
        ),
        resources=lambda wildcards, output: prefix(output.scores) + RESOURCES,
    shell:
        "python {params.scripts:q}/summarize.py --settings {params.placed:q} "
        "--resources {params.resources:q} 2> {log:q}"
