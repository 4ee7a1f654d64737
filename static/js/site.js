// What every page has. Each behaviour is a module of its own and finds its elements by data attributes.
import "./menus.js";
import "./toasts.js";
import "./times.js";
import "./confirm.js";
import "./signout.js";
import "./install.js";
