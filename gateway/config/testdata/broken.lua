function f( return end
