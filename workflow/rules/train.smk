# One run: a method trained on a dataset with a seed, and its predictions for the unlabelled test inputs.
def wants_gpu(wildcards):
    device = CATALOG.settings["device"]
    gains = CATALOG.methods[wildcards.method].get("gpu", False)
    return int(gains and (device == "cuda" or (device == "auto" and HAS_GPU)))


rule train:
    input:
        facts=prepared,
        code=lambda wildcards: CATALOG.code("train.py", CATALOG.file_of(wildcards.method)),
    output:
        run=RESULTS + "/{task}/{dataset}/{method}/seed{seed}/run.json",
        predictions=RESULTS + "/{task}/{dataset}/{method}/seed{seed}/predictions.npz",
        history=RESULTS + "/{task}/{dataset}/{method}/seed{seed}/history.csv",
        model=directory(RESULTS + "/{task}/{dataset}/{method}/seed{seed}/model"),
    log:
        RESULTS + "/logs/train/{task}/{dataset}/{method}/seed{seed}.log",
    benchmark:
        RESULTS + "/benchmarks/train/{task}/{dataset}/{method}/seed{seed}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=wants_gpu,
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        parameters=lambda wildcards: as_json(
            CATALOG.parameters(wildcards.method, wildcards.task, wildcards.dataset)
        ),
        data=lambda wildcards, input: Path(input.facts).parent,
        folder=lambda wildcards, output: Path(output.run).parent,
        scratch=RESULTS + "/checkpoints",
        device=lambda wildcards: CATALOG.settings["device"] if wants_gpu(wildcards) else "cpu",
        precision=CATALOG.settings["precision"],
        on_failure=CATALOG.settings["on_failure"],
    shell:
        "{PYTHON:q} {SCRIPTS:q}/train.py {wildcards.method} --data {params.data:q} --seed {wildcards.seed} "
        "--parameters {params.parameters:q} --output {params.folder:q} --scratch {params.scratch:q} "
        "--threads {threads} --device {params.device} --precision {params.precision} "
        "--on-failure {params.on_failure} 2> {log:q}"
