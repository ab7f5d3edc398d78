// The legacy error codes of DOMException are the engine's; nothing is added but the tag that a browser shows.
if (typeof DOMException !== 'function') throw new Error('the engine has no DOMException');
