// A name that is too long for its line is cut before its end: that is where the names of a gallery differ.

const END = 12; // characters: a number, and ".jpeg"

/** Writes `name` in two parts, of which the first may be cut (lightbox.css). */
export function showName(element, name) {
  const characters = [...name];
  const parts = [characters.slice(0, -END), characters.slice(-END)].map((part) => {
    const span = document.createElement("span");
    span.textContent = part.join("");
    return span;
  });
  element.dir = "auto"; // an Arabic name begins at the right, and is cut before its end too
  element.replaceChildren(...parts);
}
