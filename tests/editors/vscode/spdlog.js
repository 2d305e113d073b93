// Stands in for @vscode/spdlog, which would have to be compiled: the same calls, plain appends.
'use strict';
const fs = require('fs');
const path = require('path');

const NAMES = ['trace', 'debug', 'info', 'warning', 'error', 'critical'];
let threshold = 0;

class Logger {
  constructor(file) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    this.file = fs.openSync(file, 'a');
    this.level = threshold;
    this.bare = false;
  }
  write(level, text) {
    if (this.file === undefined || level < this.level) return;
    const time = new Date().toISOString().replace('T', ' ').slice(0, 23);
    fs.writeSync(this.file, this.bare ? text : `${time} [${NAMES[level]}] ${text}\n`);
  }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  clearFormatters() { this.bare = true; }
  setPattern() { this.bare = false; }
  flush() {}
  drop() {
    if (this.file !== undefined) fs.closeSync(this.file);
    this.file = undefined;
  }
}
NAMES.forEach((name, level) => {
  Logger.prototype[name === 'warning' ? 'warn' : name] = function (text) { this.write(level, text); };
});

exports.version = 0;
exports.setLevel = (level) => { threshold = level; };
exports.setFlushOn = () => {};
exports.Logger = class extends Logger { constructor(_kind, _name, file) { super(file); } };
exports.createRotatingLogger = async (_name, file) => new Logger(file);
exports.createAsyncRotatingLogger = exports.createRotatingLogger;
