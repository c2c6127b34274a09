# One run: a method trained on a dataset with a seed, and its predictions for the unlabelled test inputs.
rule train:
    input:
        script=SCRIPTS / "train.py",
        facts=prepared,
    output:
        run="<results>/{task}/{dataset}/{method}/seed{seed}/run.json",
        predictions="<results>/{task}/{dataset}/{method}/seed{seed}/predictions.npz",
        history="<results>/{task}/{dataset}/{method}/seed{seed}/history.csv",
        model=directory("<results>/{task}/{dataset}/{method}/seed{seed}/model"),
    log:
        "<logs>/train/{task}/{dataset}/{method}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{task}/{dataset}/{method}/seed{seed}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=wants_gpu,
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        code=lambda wildcards: CATALOG.training_code(wildcards.method, wildcards.task, wildcards.dataset),
        parameters=lambda wildcards: as_json(
            CATALOG.parameters(wildcards.method, wildcards.task, wildcards.dataset)
        ),
        data=lambda wildcards, input: Path(input.facts).parent,
        folder=lambda wildcards, output: Path(output.run).parent,
        scratch=f"{RESULTS}/checkpoints",
        device=lambda wildcards: CATALOG.settings["device"] if wants_gpu(wildcards) else "cpu",
        precision=CATALOG.settings["precision"],
        on_failure=CATALOG.settings["on_failure"],
    shell:
        "python {input.script:q} {wildcards.method} --data {params.data:q} --seed {wildcards.seed} "
        "--parameters {params.parameters:q} --output {params.folder:q} --scratch {params.scratch:q} "
        "--threads {threads} --device {params.device} --precision {params.precision} "
        "--on-failure {params.on_failure} 2> {log:q}"
