"""Python's search for garbage stops every thread of a process. Over all that a site loads once and keeps, it takes 70
ms, fifteen times what a page takes; what is frozen is not looked at."""

from __future__ import annotations

import gc


def spare_what_is_loaded() -> None:
    """Freeze what there is, once the application is loaded; and once more what the first requests load (templates,
    patterns), when the first full search has found it in use. Costs 10 ms."""
    gc.freeze()
    gc.callbacks.append(_freeze_after_full_search)


def _freeze_after_full_search(phase: str, facts: dict[str, int]) -> None:
    if phase == "stop" and facts["generation"] == 2:
        gc.callbacks.remove(_freeze_after_full_search)
        gc.freeze()
