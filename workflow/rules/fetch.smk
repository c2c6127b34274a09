# Sources: verified by SHA-256, from a mirror or their own address. Runs where Snakemake runs: a cluster's
# compute nodes often have no internet.
localrules:
    fetch,
    fetch_all,


rule fetch:
    output:
        RESOURCES + "/{source}.json",
    log:
        RESOURCES + "/logs/{source}.log",
    conda:
        CONDA
    params:
        facts=lambda wildcards: digest(CATALOG.sources[wildcards.source]),
        resources=RESOURCES,
    shell:
        "{PYTHON:q} {SCRIPTS:q}/fetch.py {wildcards.source} --resources {params.resources:q} "
        "--mirror={MIRROR:q} 2> >(tee {log:q} >&2)"


rule fetch_all:
    input:
        [
            f"{RESOURCES}/{source}.json"
            for task in CATALOG.selected_tasks
            for source in CATALOG.sources_of(task)
        ],
