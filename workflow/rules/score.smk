# The only stage that reads test labels: all runs of a task, and the controls that prove its metrics.
rule score:
    input:
        runs=lambda wildcards: run_files(wildcards.task),
        predictions=lambda wildcards: run_files(wildcards.task, name="predictions.npz"),
        code=lambda wildcards: CATALOG.code("score.py", f"deepbio/tasks/{wildcards.task}.py"),
    output:
        scores=RESULTS + "/{task}/scores.csv",
        intervals=RESULTS + "/{task}/intervals.csv",
        curves=RESULTS + "/{task}/curves.csv",
    log:
        RESULTS + "/logs/score/{task}.log",
    benchmark:
        RESULTS + "/benchmarks/score/{task}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=60,
    params:
        settings=settings(),
        folder=lambda wildcards, output: Path(output.scores).parent,
    shell:
        "{PYTHON:q} {SCRIPTS:q}/score.py {wildcards.task} --settings {params.settings:q} "
        "--output {params.folder:q} 2> >(tee {log:q} >&2)"


def runs_beside_baselines(wildcards, name="run.json"):
    """Runs of one method and of its task's baselines."""
    return [
        f"{RESULTS}/{run.folder}/{name}"
        for run in CATALOG.runs(wildcards.task)
        if run.method == wildcards.method or CATALOG.roles[run.method] == "baseline"
    ]


use rule score as score_method with:
    input:
        runs=runs_beside_baselines,
        predictions=lambda wildcards: runs_beside_baselines(wildcards, "predictions.npz"),
        code=lambda wildcards: CATALOG.code("score.py", f"deepbio/tasks/{wildcards.task}.py"),
    output:
        scores=RESULTS + "/{task}/one_method/{method}/scores.csv",
        intervals=RESULTS + "/{task}/one_method/{method}/intervals.csv",
        curves=RESULTS + "/{task}/one_method/{method}/curves.csv",
    log:
        RESULTS + "/logs/score/{task}/{method}.log",
    benchmark:
        RESULTS + "/benchmarks/score/{task}/{method}.tsv"
    params:
        settings=lambda wildcards: settings(methods=[wildcards.method]),
        folder=lambda wildcards, output: Path(output.scores).parent,
