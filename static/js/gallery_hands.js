// What hands do on the gallery page: a visitor's (visit_hands.js), and what only owners do.
import "./visit_hands.js";
import "./grid/refresh.js";
import "./keymap.js";
