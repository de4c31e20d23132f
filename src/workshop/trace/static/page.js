"use strict";

// The browser has its cookie now: the token need not stay in the address bar, where others may read it.
history.replaceState(null, "", location.pathname);
