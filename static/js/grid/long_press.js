// A finger that rests on an element for a moment; the click that would follow, and the browser's own menu, are dropped.

const TIME = 450; // ms
const SLACK = 10; // px that a finger may move

export function onLongPress(root, selector, act) {
  let timer = 0;
  let start = null; // where a finger came down; Windows asks for a menu only when it has left
  let pressed = false;

  const cancel = () => clearTimeout(timer);

  root.addEventListener("pointerdown", (event) => {
    pressed = false;
    start = null;
    cancel();
    const element = event.target.closest(selector);
    if (!element || event.pointerType !== "touch" || !event.isPrimary) return;
    start = event;
    timer = setTimeout(() => {
      pressed = true;
      act(element);
    }, TIME);
  });
  root.addEventListener("pointermove", (event) => {
    if (start && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > SLACK) cancel();
  });
  root.addEventListener("pointerup", cancel);
  root.addEventListener("pointercancel", cancel);
  root.addEventListener("contextmenu", (event) => {
    if (start && event.target.closest(selector)) event.preventDefault();
  });
  root.addEventListener(
    "click",
    (event) => {
      if (!pressed) return;
      pressed = false;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
}
