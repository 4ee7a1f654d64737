// A visitor's page: the owner's grid and lightbox, with what the link allows.
import "./passes.js";
import "./grid/pictures.js";
import "./grid/days.js";
import "./grid/more.js";
import "./grid/selection.js";
import "./grid/keys.js";
import "./grid/changes.js";
import "./lightbox/index.js";
import "./save_photos.js";
