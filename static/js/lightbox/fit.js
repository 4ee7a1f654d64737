// Pure: where a picture lies on the stage, and how zoom and pan move it. Lengths in CSS pixels.
// A view is {scale, x, y}: the picture's box, scaled from its top left corner and then moved by x and y.

export const WHOLE = Object.freeze({ scale: 1, x: 0, y: 0 });

/** The largest box of this picture on the stage, centred, never larger than the picture itself. */
export function fit(width, height, stage) {
  const scale = Math.min(stage.width / width, stage.height / height, 1);
  const box = { width: width * scale, height: height * scale };
  return { ...box, left: (stage.width - box.width) / 2, top: (stage.height - box.height) / 2 };
}

function clampAxis(offset, start, length, room) {
  if (length <= room) return (room - length) / 2 - start;
  return Math.min(Math.max(offset, room - start - length), -start);
}

/** The view moved so that the picture covers the stage where it can and is centred where it cannot. */
export function clamp(view, box, stage) {
  return {
    scale: view.scale,
    x: clampAxis(view.x, box.left, box.width * view.scale, stage.width),
    y: clampAxis(view.y, box.top, box.height * view.scale, stage.height),
  };
}

/** Zoom by `factor`, between the whole picture and `most`, keeping what is under `point` (on the stage) in its place. */
export function zoomAt(view, factor, point, box, stage, most) {
  const scale = Math.min(Math.max(view.scale * factor, 1), most);
  const u = (point.x - box.left - view.x) / view.scale;
  const v = (point.y - box.top - view.y) / view.scale;
  const moved = { scale, x: point.x - box.left - u * scale, y: point.y - box.top - v * scale };
  return clamp(moved, box, stage);
}

/** How far zoom may go: three pixels of the screen for one of the picture, and at least three times the fitted box. */
export function mostZoom(width, box) {
  return Math.max((3 * width) / box.width, 3);
}
