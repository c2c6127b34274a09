# Methods, baselines, controls and published figures side by side; a target for each task and each method.
rule compare:
    input:
        scores="<results>/{task}/scores.csv",
        intervals="<results>/{task}/intervals.csv",
        paired="<results>/{task}/paired.csv",
        curves="<results>/{task}/curves.csv",
    output:
        table="<results>/{task}/comparison.csv",
        tests="<results>/{task}/tests.csv",
        png="<results>/{task}/comparison.png",
        curves_png="<results>/{task}/curves.png",
        figure=report(
            "<results>/{task}/comparison.svg",
            caption="../report/comparison.rst",
            category=domain,
            subcategory=task_title,
            labels={"method": "all", "dataset": "all", "figure": "comparison"},
        ),
        curves=report(
            "<results>/{task}/curves.svg",
            caption="../report/curves.rst",
            category=domain,
            subcategory=task_title,
            labels={"method": "all", "dataset": "all", "figure": "curves"},
        ),
    log:
        "<logs>/compare/{task}.log",
    conda:
        CONDA
    params:
        scripts=scripts,
        code=lambda wildcards: CATALOG.code("compare.py"),
        settings=settings(),
        placed=lambda wildcards, output: placed(output[0], settings()),
        folder=lambda wildcards, output: Path(output.table).parent,
        # Titles and published figures come from the configuration, so a change of theirs is drawn anew.
        facts=lambda wildcards: digest(CATALOG.tasks[wildcards.task], CATALOG.methods),
    shell:
        "python {params.scripts:q}/compare.py {wildcards.task} --settings {params.placed:q} "
        "--scores {params.folder:q} --output {params.folder:q} 2> {log:q}"


for task in CATALOG.selected_tasks:
    if CATALOG.datasets(task):

        rule:
            name:
                task
            input:
                f"{RESULTS}/{task}/comparison.csv",
                run_files(task),
                figures(task),
                task_figures(task),
            localrule: True


for method in CATALOG.selected_methods:
    if CATALOG.runs(method=method):

        rule:
            name:
                method
            input:
                run_files(method=method),
                figures(method=method),
                [
                    f"{RESULTS}/{task}/one_method/{method}/scores.csv"
                    for task in sorted({run.task for run in CATALOG.runs(method=method)})
                ],
            localrule: True
