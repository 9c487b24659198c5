<?php

/**
 * Loads the stand-ins for Blesta's host classes and the module itself.
 *
 * They follow the documented behaviour of Blesta (what a module may rely on), not its code. The module is loaded as
 * Blesta loads it: by path, with the host's global classes already there.
 */

defined('DS') || define('DS', DIRECTORY_SEPARATOR);
error_reporting(E_ALL);
set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    // A warning inside the module is a fault of the module; a suppressed one (@) stays suppressed.
    if (!(error_reporting() & $level)) {
        return false;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
});
date_default_timezone_set('UTC');

spl_autoload_register(static function (string $class): void {
    $file = __DIR__ . DS . 'classes' . DS . $class . '.php';
    if (is_file($file)) {
        require_once $file;
    }
});

const MODULE_DIR = __DIR__ . DS . '..' . DS . '..' . DS . 'infrafabric' . DS;
require_once MODULE_DIR . 'infrafabric.php';
