/** What a visitor sees who is not logged in. */

import { followLinksInAirflow } from "./airflow_frame.js";
import { loggedOut } from "./notices.js";

followLinksInAirflow();
document.getElementById("page")?.replaceChildren(loggedOut());
