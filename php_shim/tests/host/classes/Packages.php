<?php

/**
 * Packages by price; in this installation the price of a package has the package's number.
 */
class Packages
{
    public function getByPricingId(int $id): stdClass|false
    {
        return isset(State::read()['packages'][$id]) ? (new Services())->package($id) : false;
    }
}
