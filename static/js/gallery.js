// The gallery page.
import { wireHands } from "./grid/index.js";

wireHands(() => import("./gallery_hands.js"));
