# Where the scripts and the configuration lie: known before anything else is read.
import os
import sys

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError

if not os.path.isdir(str(workflow.current_basedir)):
    raise WorkflowError(
        f"{workflow.current_basedir}: the rules call scripts that lie beside them, so this workflow is used from a folder: "
        "clone it and give the path of its workflow/Snakefile"
    )
WORKFLOW = Path(workflow.current_basedir).parent
SCRIPTS = WORKFLOW / "scripts"
sys.path.insert(0, str(SCRIPTS))
# The `config/` of the folder that is worked in, where it is a whole one, else that of this checkout. The commands of
# the jobs ask the same folder.
CONFIG = Path("config").resolve()
if not (CONFIG / "config.yaml").exists() or not (CONFIG / "tasks").is_dir():
    CONFIG = WORKFLOW.parent / "config"
os.environ.update(DEEPBIO_CONFIG=str(CONFIG))


def origin_of(key):
    """The file, or the option, in which a key of the configuration stands."""
    settings = workflow.config_settings
    if key in settings.config:
        return "--config"
    for path in reversed(settings.configfiles):
        if key in load_configfile(path):
            return str(path)
    return str(CONFIG / "config.yaml")
