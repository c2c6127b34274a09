# The whole benchmark: `snakemake --cores all`. The rules are in workflow/rules, one file a stage.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,
