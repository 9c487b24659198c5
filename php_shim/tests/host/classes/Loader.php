<?php

/**
 * Hands models, components and helpers to an object; helpers also to the view it holds, as Blesta does.
 */
class Loader
{
    public static function loadComponents(object $object, array $names): void
    {
        foreach ($names as $name) {
            self::give($object, $name);
        }
    }

    public static function loadModels(object $object, array $names): void
    {
        foreach ($names as $name) {
            self::give($object, $name);
        }
    }

    public static function loadHelpers(object $object, array $names): void
    {
        foreach ($names as $name) {
            self::give($object, $name);
            if (isset($object->view) && $object->view instanceof View) {
                $object->view->{$name} = $object->{$name};
            }
        }
    }

    private static function give(object $object, string $name): void
    {
        if (!isset($object->{$name})) {
            $object->{$name} = new $name();
        }
    }
}
