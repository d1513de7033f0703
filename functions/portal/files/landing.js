// The landing page in the reader's language; without scripts it is English.

import { languageChoice, translate } from "./words.js";

languageChoice(document.getElementById("language"), () => translate(document));
translate(document);
