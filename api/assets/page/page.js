// What scripts add to pages that work without them: moving through time, and news.
import { follow } from "./live.js";
import { travel } from "./travel.js";

travel();
follow();
