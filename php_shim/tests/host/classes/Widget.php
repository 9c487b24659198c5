<?php

/**
 * The frame around a staff page.
 */
class Widget extends Html
{
    private array $links = [];

    public function clear(): void
    {
        $this->links = [];
    }

    public function setLinkButtons(array $links): void
    {
        $this->links = $links;
    }

    public function create(string $title, array $attributes = []): void
    {
        echo '<section' . $this->attributes($attributes) . '><h2>' . $this->safe($title) . "</h2>\n";
        foreach ($this->links as $link) {
            echo '<a' . $this->attributes($link['attributes']) . '>' . $this->safe($link['name']) . "</a>\n";
        }
    }

    public function end(): void
    {
        echo "</section>\n";
    }
}
