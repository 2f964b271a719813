"""Who came in behind somebody, and who was let in already. Pure: counts of faces and times go in, nothing biometric.

A door that opens for one lets several pass. Whoever stood in the zone with somebody who was let in, and within
:data:`FOLLOW_S` neither got in by his own right nor stayed, has probably followed.
"""

from __future__ import annotations

import math
from collections import deque
from uuid import UUID

__all__ = ["AGAIN_S", "FOLLOW_S", "Following"]

# A door is open for some seconds; who has been decided about by himself within them did not need another's right.
FOLLOW_S = 5.0
# Two people side by side take turns at being the nearest. While anybody stands there, who was let in is not let in once
# more within this time: one opening, one entry.
AGAIN_S = FOLLOW_S
# Faces blink and detectors miss: how many stand there is the most that a second has shown.
_RECENT_S = 1.0


class Following:
    """State of one door; for one thread at a time. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._let_in: dict[UUID, float] = {}
        self._owed = 0
        self._until = 0.0

    def see(self, faces: int, at: float) -> int:
        """Take how many faces stand in the zone.

        Returns:
            How many have probably followed somebody, once for each of them; 0 otherwise.
        """
        if not self._seen or at - self._seen[-1][0] > _RECENT_S:
            self._let_in.clear()
        self._seen.append((at, faces))
        self._forget(at)
        if not self._most():
            # Everybody has gone: who comes now comes anew.
            self._let_in.clear()
        if not self._owed or at < self._until:
            return 0
        followed, self._owed = max(0, self._owed - self._most()), 0
        return followed

    def let_in(self, at: float, subject: UUID | None = None) -> None:
        """Somebody was let in by his face, or, without ``subject`` being seen, by a code."""
        if subject is not None:
            self._let_in.pop(subject, None)
        # Who was let in a moment ago may still be in the picture, and has not followed anybody.
        others = max(0, self._most() - 1 - len(self._let_in))
        if subject is not None:
            self._let_in[subject] = at
        # Of those who were owed this one has come by his own right; who stands there now may follow him, too.
        self._owed = max(self._owed - 1, others)
        self._until = at + FOLLOW_S

    def again(self, subject: UUID, at: float) -> bool:
        """Whether that one was let in a moment ago, and somebody has stood there ever since."""
        return at - self._let_in.get(subject, -math.inf) < AGAIN_S

    def _most(self) -> int:
        return max((faces for _, faces in self._seen), default=0)

    def _forget(self, at: float) -> None:
        while self._seen and at - self._seen[0][0] > _RECENT_S:
            self._seen.popleft()
        self._let_in = {subject: then for subject, then in self._let_in.items() if at - then < AGAIN_S}
