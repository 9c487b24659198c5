<?php

/**
 * Finds the module's own classes. Blesta ships no autoloader for modules and the module needs no Composer.
 */

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Infrafabric\\')) {
        $file = __DIR__ . '/' . str_replace('\\', '/', substr($class, strlen('Infrafabric\\'))) . '.php';
        if (is_file($file)) {
            require_once $file;
        }
    }
});
