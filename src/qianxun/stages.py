"""What long work is at, in the reader's language: for the terminal, and for the pages of jobs."""

from qianxun.messages import say


def name_of_stage(stage: str) -> str:
    """The name of a stage of adding, removing, measuring or fetching; unknown ones as they are."""
    names = {
        "": say("Beginning"),
        "waiting": say("Waiting for another job"),
        "adding": say("Adding"),
        "listing": say("Listing"),
        "reading": say("Reading"),
        "keeping": say("Keeping the files"),
        "enriching": say("Enriching"),
        "encoding": say("Encoding"),
        "indexing": say("Indexing"),
        "removing": say("Removing"),
        "checking": say("Checking"),
        "compacting": say("Compacting"),
        "searching": say("Searching"),
        "learning": say("Learning"),
        "measuring": say("Measuring"),
        "fetching": say("Fetching, MB"),
        "comparing": say("Comparing, MB"),
        "asking": say("Asking"),
        "proposing": say("Proposing"),
        "extracting": say("Extracting"),
    }
    return names.get(stage, stage)
