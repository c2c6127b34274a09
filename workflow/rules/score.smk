# The only stage that reads test labels: all runs of a task, and the controls that prove its metrics.
rule score:
    input:
        runs=lambda wildcards: run_files(wildcards.task),
        predictions=lambda wildcards: run_files(wildcards.task, name="predictions.npz"),
    output:
        scores="<results>/{task}/scores.csv",
        per_output="<results>/{task}/per_output.csv",
        intervals="<results>/{task}/intervals.csv",
        paired="<results>/{task}/paired.csv",
        curves="<results>/{task}/curves.csv",
    log:
        "<logs>/score/{task}.log",
    benchmark:
        "<benchmarks>/score/{task}.tsv"
    retries: ATTEMPTS - 1
    conda:
        CONDA
    resources:
        # Hundreds of outputs over half a million test windows take gigabytes and hours.
        mem_mb=doubling(4000, at_full=16000),
        runtime=doubling(60, at_full=720),
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.code("score.py", CATALOG.task_file(wildcards.task)),
        settings=settings(),
        placed=lambda wildcards, output: placed(output[0], settings()),
        facts=metrics,
        folder=lambda wildcards, output: Path(output.scores).parent,
    shell:
        "python {params.scripts:q}/score.py {wildcards.task} --settings {params.placed:q} "
        "--output {params.folder:q} 2> {log:q}"


use rule score as score_method with:
    input:
        runs=runs_beside_baselines,
        predictions=lambda wildcards: runs_beside_baselines(wildcards, "predictions.npz"),
    output:
        scores="<results>/{task}/one_method/{method}/scores.csv",
        per_output="<results>/{task}/one_method/{method}/per_output.csv",
        intervals="<results>/{task}/one_method/{method}/intervals.csv",
        paired="<results>/{task}/one_method/{method}/paired.csv",
        curves="<results>/{task}/one_method/{method}/curves.csv",
    log:
        "<logs>/score/{task}/{method}.log",
    benchmark:
        "<benchmarks>/score/{task}/{method}.tsv"
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.code("score.py", CATALOG.task_file(wildcards.task)),
        settings=lambda wildcards: settings(methods=[wildcards.method]),
        placed=lambda wildcards, output: placed(output[0], settings(methods=[wildcards.method])),
        facts=metrics,
        folder=lambda wildcards, output: Path(output.scores).parent,
