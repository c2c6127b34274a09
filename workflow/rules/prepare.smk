# One batch of simulated data; the seed is the batch's number, so a lost one is made again as it was.
rule simulate:
    output:
        "<results>/{task}/{dataset}/simulation/batch{batch}.npz",
    log:
        "<logs>/simulate/{task}/{dataset}/batch{batch}.log",
    benchmark:
        "<benchmarks>/simulate/{task}/{dataset}/batch{batch}.tsv"
    retries: ATTEMPTS - 1
    conda:
        CONDA
    resources:
        mem_mb=doubling(2000),
        runtime=doubling(120),
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.code(
            "simulate.py",
            f"deepbio/domains/{CATALOG.dataset(wildcards.task, wildcards.dataset)['simulation']['by'].replace('.', '/')}.py",
        ),
        facts=lambda wildcards: as_json(CATALOG.dataset(wildcards.task, wildcards.dataset)["simulation"]),
    shell:
        "python {params.scripts:q}/simulate.py --facts {params.facts:q} --batch {wildcards.batch} --output {output:q} "
        "2> {log:q}"


# From sources to the arrays of train, valid and test, checked for leakage.
rule prepare:
    input:
        sources=lambda wildcards: [
            f"{RESOURCES}/{source}.json"
            for source in CATALOG.dataset(wildcards.task, wildcards.dataset)["sources"]
        ],
        batches=lambda wildcards: batch_files(wildcards.task, wildcards.dataset),
        own=lambda wildcards: watched(CATALOG.dataset(wildcards.task, wildcards.dataset)),
    output:
        facts="<results>/{task}/{dataset}/data/split{split}/dataset.json",
        speed="<results>/{task}/{dataset}/data/split{split}/preparation.json",
        splits=[
            directory(f"<results>/{{task}}/{{dataset}}/data/split{{split}}/{name}")
            for name in ("train", "valid", "test")
        ],
    log:
        "<logs>/prepare/{task}/{dataset}/split{split}.log",
    benchmark:
        "<benchmarks>/prepare/{task}/{dataset}/split{split}.tsv"
    retries: ATTEMPTS - 1
    conda:
        CONDA
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(60),
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.preparing_code(wildcards.task),
        facts=lambda wildcards: as_json(CATALOG.preparation(wildcards.task, wildcards.dataset)),
        folder=lambda wildcards, output: Path(output.facts).parent,
        resources=lambda wildcards, output: prefix(output.facts) + RESOURCES,
        scale=SCALE,
        simulation=lambda wildcards, output: prefix(output.facts)
        + f"{RESULTS}/{wildcards.task}/{wildcards.dataset}/simulation",
    shell:
        "python {params.scripts:q}/prepare.py {wildcards.task} {wildcards.dataset} --scale {params.scale} "
        "--split {wildcards.split} --facts {params.facts:q} --resources {params.resources:q} "
        "--simulation {params.simulation:q} --output {params.folder:q} 2> {log:q}"
