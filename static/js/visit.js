// A visitor's page: the owner's grid and lightbox, with what the link allows.
import "./downloads_left.js";
import { wireHands } from "./grid/index.js";

wireHands(() => import("./visit_hands.js"));
