# The cross table, `snakemake cross`: every method on every task whose kind of data it takes, one seed, no variants.
use rule score as score_cross with:
    input:
        runs=lambda wildcards: run_files(wildcards.task, catalog=crossed()),
        predictions=lambda wildcards: run_files(wildcards.task, name="predictions.npz", catalog=crossed()),
    output:
        scores="<results>/cross/{task}/scores.csv",
        per_output="<results>/cross/{task}/per_output.csv",
        intervals="<results>/cross/{task}/intervals.csv",
        paired="<results>/cross/{task}/paired.csv",
        curves="<results>/cross/{task}/curves.csv",
    log:
        "<logs>/cross/{task}.log",
    benchmark:
        "<benchmarks>/cross/{task}.tsv"
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.code("score.py", CATALOG.task_file(wildcards.task)),
        settings=settings(**CROSS_TABLE),
        placed=lambda wildcards, output: placed(output[0], settings(**CROSS_TABLE)),
        facts=metrics,
        folder=lambda wildcards, output: Path(output.scores).parent,


rule cross:
    input:
        scores=lambda wildcards: [f"{RESULTS}/cross/{task}/scores.csv" for task in crossed().crossed()],
    output:
        table="<results>/cross/cross.csv",
        png="<results>/cross/cross.png",
        figure=report(
            "<results>/cross/cross.svg",
            caption="../report/cross.rst",
            category="Overview",
            labels={"page": "Cross table"},
        ),
    log:
        "<logs>/cross.log",
    conda:
        CONDA
    params:
        scripts=scripts,
        code=CATALOG.code("cross.py"),
        settings=settings(**CROSS_TABLE, tasks=CATALOG.settings["tasks"]),
        placed=lambda wildcards, output: placed(
            output[0], settings(**CROSS_TABLE, tasks=CATALOG.settings["tasks"])
        ),
        folder=lambda wildcards, output: Path(output.table).parent,
    shell:
        "python {params.scripts:q}/cross.py --settings {params.placed:q} --output {params.folder:q} 2> {log:q}"
