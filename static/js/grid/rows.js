// Pure: where an arrow leads in justified rows. Boxes are {left, top, right, bottom}, in reading order.

function middle(box) {
  return (box.left + box.right) / 2;
}

/** The box nearest above (-1) or below (1) of the one at `from`, or `from` at the edge of the grid. */
export function vertical(boxes, from, direction) {
  const start = boxes[from];
  const beyond = boxes
    .map((box, index) => ({ box, index }))
    .filter(({ box }) => (direction > 0 ? box.top >= start.bottom - 1 : box.bottom <= start.top + 1));
  if (beyond.length === 0) return from;
  const gap = ({ box }) => (direction > 0 ? box.top - start.bottom : start.top - box.bottom);
  const nearest = Math.min(...beyond.map(gap));
  const row = beyond.filter((entry) => gap(entry) <= nearest + 1);
  row.sort(
    (one, other) => Math.abs(middle(one.box) - middle(start)) - Math.abs(middle(other.box) - middle(start)),
  );
  return row[0].index;
}

/** The index that this key leads to. */
export function destination(boxes, from, key) {
  const last = boxes.length - 1;
  switch (key) {
    case "ArrowLeft":
      return Math.max(from - 1, 0);
    case "ArrowRight":
      return Math.min(from + 1, last);
    case "ArrowUp":
      return vertical(boxes, from, -1);
    case "ArrowDown":
      return vertical(boxes, from, 1);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return from;
  }
}
