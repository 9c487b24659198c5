<?php

/**
 * Escaping.
 */
class Html
{
    public function safe(mixed $text): string
    {
        return htmlspecialchars((string) $text, ENT_QUOTES, 'UTF-8');
    }

    protected function attributes(array $attributes): string
    {
        $html = '';
        foreach ($attributes as $name => $value) {
            $html .= ' ' . $name . '="' . $this->safe($value) . '"';
        }

        return $html;
    }
}
