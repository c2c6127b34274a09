# One run: a method trained on a dataset with a seed, and its predictions for the unlabelled test inputs.
rule train:
    input:
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
    # A job that ends with whatever its method raises would raise it again.
    retries: 0 if CATALOG.settings["on_failure"] == "stop" else ATTEMPTS - 1
    conda:
        CONDA
    threads: lambda wildcards: 1 if is_plain(wildcards) else CATALOG.settings["threads"]
    resources:
        gpu=gpus,
        mem_mb=needs(0),
        runtime=needs(1),
        attempt=lambda wildcards, attempt: attempt,
    # What takes `resources` or another derived thing as an argument reruns nothing when it changes.
    params:
        scripts=scripts,
        attempts=lambda wildcards, resources: ATTEMPTS,
        code=lambda wildcards: CATALOG.training_code(wildcards.method, wildcards.task, wildcards.dataset),
        parameters=lambda wildcards: as_json(
            CATALOG.parameters(wildcards.method, wildcards.task, wildcards.dataset)
        ),
        # Precision and determinism change what a GPU computes, and nothing on a CPU.
        numbers=lambda wildcards: on_gpu() if gains(wildcards) else "",
        facts=lambda wildcards, resources: as_json(
            CATALOG.about(wildcards.method, wildcards.task, wildcards.dataset)
        ),
        data=lambda wildcards, input: Path(input.facts).parent,
        folder=lambda wildcards, output: Path(output.run).parent,
        scratch=lambda wildcards, output: prefix(output.run) + f"{RESULTS}/checkpoints",
        device=lambda wildcards, resources: CATALOG.settings["device"] if gains(wildcards) else "cpu",
        on_failure=lambda wildcards, resources: CATALOG.settings["on_failure"],
    # The second call records a process that was killed, on the last attempt; it ends as the first one did before that.
    shell:
        "train() {{ python {params.scripts:q}/train.py {wildcards.method} --data {params.data:q} --seed {wildcards.seed} "
        "--parameters {params.parameters:q} --code {params.code} --facts {params.facts:q} "
        "--output {params.folder:q} --scratch {params.scratch:q} "
        "--threads {threads} --device {params.device} {params.numbers} "
        "--on-failure {params.on_failure} --attempt {resources.attempt} --attempts {params.attempts} "
        '"$@" 2>> {log:q}; }}; : > {log:q}; train || train --ended $?'
