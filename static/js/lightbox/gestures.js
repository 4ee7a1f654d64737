// Fingers, mouse and wheel on the stage: pinch, double tap and wheel zoom, a swipe moves, a pull down closes.

const SLACK = 8; // px before a movement has a direction
const DOUBLE = 280; // ms between two taps
const FLICK = 0.4; // px a ms: a short but quick swipe counts

export function listen(stage, { onStep, onClose, onTap }) {
  const { element } = stage;
  const pointers = new Map();
  let axis = ""; // "", "x", "y" or "pan"
  let start = null;
  let pinch = null;
  let lastTap = { time: 0, x: 0, y: 0 };
  let tapTimer = 0;

  const place = (event) => {
    const bounds = element.getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  };

  const measure = () => {
    const [one, other] = [...pointers.values()];
    return {
      size: Math.hypot(one.x - other.x, one.y - other.y),
      x: (one.x + other.x) / 2,
      y: (one.y + other.y) / 2,
    };
  };

  function down(event) {
    if (event.button > 0 || !stage.current) return;
    if (event.isPrimary) pointers.clear();
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 2) {
      pinch = measure();
      stage.slide(0);
      axis = "pan";
    } else if (pointers.size === 1) {
      start = { ...place(event), time: event.timeStamp };
      axis = stage.current.isZoomed ? "pan" : "";
    }
  }

  function move(event) {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) return movePinch();
    if (axis === "pan") {
      if (stage.current.isZoomed) stage.pan(now.x - before.x, now.y - before.y);
      return;
    }
    const [dx, dy] = [now.x - start.x, now.y - start.y];
    if (!axis && Math.hypot(dx, dy) > SLACK) axis = Math.abs(dx) > Math.abs(dy) ? "x" : "y";
    if (axis === "x") stage.slide(dx);
    if (axis === "y") pullBy(Math.max(dy, 0));
  }

  function movePinch() {
    const now = measure();
    stage.zoom(now.size / pinch.size, now);
    stage.pan(now.x - pinch.x, now.y - pinch.y);
    pinch = now;
  }

  function pullBy(dy, settling = false) {
    stage.pull(dy, settling);
    element.closest("dialog").toggleAttribute("data-pulled", dy > SLACK);
  }

  function up(event) {
    if (!pointers.delete(event.pointerId) || pointers.size > 0) return;
    const now = place(event);
    const [dx, dy, time] = [now.x - start.x, now.y - start.y, Math.max(event.timeStamp - start.time, 1)];
    const isCancelled = event.type === "pointercancel";
    if (axis === "x") {
      const isFar = Math.abs(dx) > stage.size.width * 0.25 || Math.abs(dx) / time > FLICK;
      const isMoved = !isCancelled && isFar && onStep(dx < 0 ? 1 : -1);
      if (!isMoved) stage.slide(0, true);
    } else if (axis === "y") {
      const isFar = dy > 110 || dy / time > FLICK * 1.5;
      pullBy(0, true);
      if (!isCancelled && dy > SLACK && isFar) onClose();
    } else if (!isCancelled && Math.hypot(dx, dy) <= SLACK && time < 500) {
      tap(event, now);
    }
    axis = "";
  }

  function tap(event, now) {
    const isDouble =
      event.timeStamp - lastTap.time < DOUBLE && Math.hypot(now.x - lastTap.x, now.y - lastTap.y) < 40;
    clearTimeout(tapTimer);
    lastTap = isDouble ? { time: 0, x: 0, y: 0 } : { time: event.timeStamp, ...now };
    if (isDouble) stage.toggleZoom(now);
    else tapTimer = setTimeout(() => onTap(event), DOUBLE);
  }

  function wheel(event) {
    event.preventDefault();
    if (stage.current) stage.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), place(event));
  }

  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("wheel", wheel, { passive: false });
}
