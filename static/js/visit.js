// A visitor's page: the owner's grid and lightbox, with what the link allows.
import { wireHands } from "./grid/index.js";

wireHands(() => import("./visit_hands.js"));
