// The gallery page.
import "./passes.js";
import "./grid/pictures.js";
import "./grid/days.js";
import "./grid/more.js";
import "./grid/selection.js";
import "./grid/keys.js";
import "./grid/changes.js";
import "./grid/refresh.js";
import "./keymap.js";
import "./save_photos.js";
import "./lightbox/index.js";
