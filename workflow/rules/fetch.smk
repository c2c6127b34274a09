# Sources: verified by SHA-256, from a mirror or their own address. Runs where Snakemake runs: a cluster's
# compute nodes often have no internet.
localrules:
    fetch,
    fetch_all,


rule fetch:
    output:
        "<resources>/{source}.json",
    log:
        "<logs>/fetch/{source}.log",
    conda:
        CONDA
    params:
        scripts=scripts,
        # The hash decides what is fetched, wherever it comes from.
        facts=lambda wildcards: digest(
            {name: file["sha256"] for name, file in CATALOG.sources[wildcards.source]["files"].items()}
        ),
        folder=lambda wildcards, output: Path(output[0]).parent,
    shell:
        "python {params.scripts:q}/fetch.py {wildcards.source} --resources {params.folder:q} 2> {log:q}"


rule fetch_all:
    input:
        [
            f"{RESOURCES}/{source}.json"
            for task in CATALOG.selected_tasks
            for source in CATALOG.sources_of(task)
        ],
