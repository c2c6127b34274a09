# The cross table, `snakemake cross`: every method on every task whose kind of data it takes, one seed, no variants.
use rule score as score_cross with:
    input:
        script=SCRIPTS / "score.py",
        runs=lambda wildcards: run_files(wildcards.task, catalog=CROSSED),
        predictions=lambda wildcards: run_files(wildcards.task, name="predictions.npz", catalog=CROSSED),
    output:
        scores="<results>/cross/{task}/scores.csv",
        intervals="<results>/cross/{task}/intervals.csv",
        curves="<results>/cross/{task}/curves.csv",
    log:
        "<logs>/cross/{task}.log",
    benchmark:
        "<benchmarks>/cross/{task}.tsv"
    params:
        code=lambda wildcards: CATALOG.code("score.py", f"deepbio/tasks/{wildcards.task}.py"),
        settings=settings(cross=True, seeds=1, variants=False),
        folder=lambda wildcards, output: Path(output.scores).parent,


rule cross:
    input:
        script=SCRIPTS / "cross.py",
        scores=[f"{RESULTS}/cross/{task}/scores.csv" for task in CROSSED.crossed()],
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
        code=CATALOG.code("cross.py"),
        settings=settings(cross=True, seeds=1, variants=False, tasks=CROSSED.settings["tasks"]),
        folder=lambda wildcards, output: Path(output.table).parent,
    shell:
        "python {input.script:q} --settings {params.settings:q} --output {params.folder:q} 2> >(tee {log:q} >&2)"
