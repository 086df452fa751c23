"""The garbage collector of a process that makes very many objects, which hold no cycles."""

import gc


def tame(thresholds: tuple[int, int, int]) -> None:
    """To be called once everything is started: what is here by now stays, so it is not looked through again and again.

    `thresholds` are those of `gc.set_threshold`: how seldom the rest is looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds)
