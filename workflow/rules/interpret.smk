# Figures that a reader of a method's paper expects, drawn from its first seed and validation data.
rule interpret:
    input:
        facts=prepared,
        run=RESULTS + "/{task}/{dataset}/{method}/seed{seed}/run.json",
        model=RESULTS + "/{task}/{dataset}/{method}/seed{seed}/model",
        code=lambda wildcards: CATALOG.code("interpret.py", CATALOG.file_of(wildcards.method), interpret=True),
    output:
        report(
            directory(RESULTS + "/{task}/{dataset}/{method}/seed{seed}/figures"),
            patterns=["{figure}.svg"],
            caption="../report/interpretation.rst",
            category=domain,
            subcategory=task_title,
            labels=lambda wildcards: {
                "method": method_title(wildcards),
                "dataset": wildcards.dataset,
                "figure": "{figure}",
            },
        ),
    log:
        RESULTS + "/logs/interpret/{task}/{dataset}/{method}/seed{seed}.log",
    benchmark:
        RESULTS + "/benchmarks/interpret/{task}/{dataset}/{method}/seed{seed}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=30,
    params:
        data=lambda wildcards, input: Path(input.facts).parent,
        run=lambda wildcards, input: Path(input.run).parent,
    shell:
        "{PYTHON:q} {SCRIPTS:q}/interpret.py {params.run:q} --data {params.data:q} --output {output:q} "
        "2> >(tee {log:q} >&2)"
