class Tracker:
    id = None
    def __init__(self, *a): pass
    def log(self, row): pass
    def finish(self, *a): pass
def check_mode(): pass
