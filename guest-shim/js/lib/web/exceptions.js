// DOMException is the engine's, legacy error codes included.
if (typeof DOMException !== 'function') throw new Error('the engine has no DOMException');
