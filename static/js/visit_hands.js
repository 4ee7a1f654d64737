// What hands do on a page with a grid, a visitor's too: select, walk by keys, look closer, take along.
import "./grid/selection.js";
import "./grid/keys.js";
import "./lightbox/index.js";
import "./save_photos.js";
