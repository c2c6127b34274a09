"""The parts of deepbio-bench that its commands share; each module's first lines say what it is for."""
