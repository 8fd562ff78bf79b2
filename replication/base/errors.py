"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """Something outside the code is wrong: ``problem`` names the thing, ``remedy`` what to do.

    The command line prints it as one line and exits with code 2.
    """

    def __init__(self, problem: str, remedy: str):
        self.problem = printable(problem)
        self.remedy = printable(remedy)
        super().__init__(f"{self.problem}; {self.remedy}")


def printable(text: str) -> str:
    """``text`` on one line: names out of damaged files may hold control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
