<?php

/**
 * Clients by id; the one with the address that Emails refuses is number 13.
 */
class Clients
{
    public function get(int $id): stdClass|false
    {
        $email = $id === 13 ? 'refused@example.com' : "client$id@example.com";

        return $id > 0 ? (object) ['id' => $id, 'email' => $email] : false;
    }
}
