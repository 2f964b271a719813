"""The command `doorward`, with seconds of patience for slow and idle clients in place of most of a minute.

How long that is stands in the code, and is no setting: nobody who runs the API has a reason to change it.
"""

import sys

from backend.cli import main, serving
from backend.kit.patience import PatienceLayer

__all__ = ["HURRIED_S"]

HURRIED_S = 20


def hurry() -> None:
    serving.IDLE_S = HURRIED_S
    defaults = PatienceLayer.__init__.__kwdefaults__
    assert defaults is not None
    defaults["grace_s"] = float(HURRIED_S)


# A server's processes come here too, under the second name, where they are spawned and not forked.
if __name__ in ("__main__", "__mp_main__"):
    hurry()
if __name__ == "__main__":
    sys.exit(main())
