// The portal: one shell, and one module for each domain. A new domain is a line here.

import { lessons } from "./lessons.js";
import { start } from "./shell.js";

start([lessons]);
