# Sources: verified by SHA-256, from a mirror or their own address. Runs where Snakemake runs: a cluster's
# compute nodes often have no internet.
localrules:
    fetch,
    fetch_all,


rule fetch:
    input:
        # What is fetched is decided by its hash, not by the code that fetches it.
        script=ancient(SCRIPTS / "fetch.py"),
    output:
        "<resources>/{source}.json",
    log:
        "<logs>/fetch/{source}.log",
    conda:
        CONDA
    params:
        facts=lambda wildcards: digest(CATALOG.sources[wildcards.source]),
        folder=lambda wildcards, output: Path(output[0]).parent,
    shell:
        "python {input.script:q} {wildcards.source} --resources {params.folder:q} 2> >(tee {log:q} >&2)"


rule fetch_all:
    input:
        [
            f"{RESOURCES}/{source}.json"
            for task in CATALOG.selected_tasks
            for source in CATALOG.sources_of(task)
        ],
