// The picture grows out of its tile and shrinks back into it, where the browser can show that.

const NAME = "opened-photo";

/** Runs `change`; `from` is the element that becomes `to()` (called after the change; may be null). */
export async function morph(from, change, to) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (!document.startViewTransition || !from || calm) {
    change();
    return;
  }
  let target = null;
  from.style.viewTransitionName = NAME;
  const transition = document.startViewTransition(() => {
    change();
    from.style.viewTransitionName = "";
    target = to();
    if (target) target.style.viewTransitionName = NAME;
  });
  transition.ready.catch(() => {}); // Skipped, by another one that began: the change itself was made.
  try {
    await transition.finished;
  } finally {
    if (target) target.style.viewTransitionName = "";
  }
}
