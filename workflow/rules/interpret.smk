# Figures that a reader of a method's paper expects, drawn from its first seed and validation data.
rule interpret:
    input:
        facts=prepared,
        run="<results>/{task}/{dataset}/{method}/seed{seed}/run.json",
        model="<results>/{task}/{dataset}/{method}/seed{seed}/model",
    output:
        report(
            directory("<results>/{task}/{dataset}/{method}/seed{seed}/figures"),
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
        "<logs>/interpret/{task}/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/interpret/{task}/{dataset}/{method}/seed{seed}.tsv"
    retries: ATTEMPTS - 1
    conda:
        CONDA
    resources:
        mem_mb=doubling(4000, at_full=16000),
        runtime=doubling(30, at_full=120),
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.code("interpret.py", CATALOG.file_of(wildcards.method), drawing=True),
        title=lambda wildcards: CATALOG.dataset(wildcards.task, wildcards.dataset)["title"],
        data=lambda wildcards, input: Path(input.facts).parent,
        run=lambda wildcards, input: Path(input.run).parent,
    shell:
        "python {params.scripts:q}/interpret.py {params.run:q} --data {params.data:q} --output {output:q} "
        "2> {log:q}"


# Figures of a task whose methods are seen side by side; only a task that defines `interpret` has them.
rule interpret_task:
    input:
        runs=lambda wildcards: run_files(wildcards.task),
        predictions=lambda wildcards: run_files(wildcards.task, name="predictions.npz"),
        scores="<results>/{task}/scores.csv",
        per_output="<results>/{task}/per_output.csv",
    output:
        report(
            directory("<results>/{task}/figures"),
            patterns=["{figure}.svg"],
            caption="../report/interpretation_task.rst",
            category=domain,
            subcategory=task_title,
            labels={"method": "several", "dataset": "all", "figure": "{figure}"},
        ),
    log:
        "<logs>/interpret_task/{task}.log",
    benchmark:
        "<benchmarks>/interpret_task/{task}.tsv"
    retries: ATTEMPTS - 1
    conda:
        CONDA
    resources:
        mem_mb=doubling(4000, at_full=16000),
        runtime=doubling(60, at_full=240),
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.code(
            "interpret_task.py", CATALOG.task_file(wildcards.task), drawing=True
        ),
        settings=settings(),
        placed=lambda wildcards, output: placed(output[0], settings()),
    shell:
        "python {params.scripts:q}/interpret_task.py {wildcards.task} --settings {params.placed:q} --scores {input.scores:q} "
        "--output {output:q} "
        "2> {log:q}"
