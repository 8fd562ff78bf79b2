"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """Something outside the code is wrong: ``problem`` names the thing, ``remedy`` what to do.

    The command line prints it as one line and exits with code 2.
    """

    def __init__(self, problem: str, remedy: str):
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
